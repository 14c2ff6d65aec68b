// Speaks a line as an AudioClip: StartCoroutine(client.Speak("The river is cold.", "ann", "sad", clip => source.PlayOneShot(clip))).
using System;
using System.Collections;
using System.Text;
using UnityEngine;
using UnityEngine.Networking;

namespace SovitsLab
{
    public sealed class SpeechClient : MonoBehaviour
    {
        [SerializeField] private string url = "http://127.0.0.1:8000";
        [SerializeField] private string key = "";  // never ship a key in a game: let your own server ask

        [Serializable]
        private sealed class Ask
        {
            public string input;
            public string voice;
            public string emotion;
            public float strength = 1f;
            public long seed = 7;
            public string response_format = "wav";
        }

        [Serializable]
        private sealed class Problem
        {
            public string detail;
            public string request_id;
        }

        public IEnumerator Speak(string text, string voice, string emotion, Action<AudioClip> spoken, Action<string> refused = null)
        {
            var ask = new Ask { input = text, voice = voice, emotion = emotion };
            using (var request = new UnityWebRequest(url + "/v1/audio/speech", UnityWebRequest.kHttpVerbPOST))
            {
                request.uploadHandler = new UploadHandlerRaw(Encoding.UTF8.GetBytes(JsonUtility.ToJson(ask)));
                request.downloadHandler = new DownloadHandlerBuffer();
                request.SetRequestHeader("Content-Type", "application/json");
                request.SetRequestHeader("Authorization", "Bearer " + key);
                yield return request.SendWebRequest();
                if (request.result != UnityWebRequest.Result.Success)
                {
                    refused?.Invoke(Reason(request));
                    yield break;
                }
                spoken(ClipOf(request.downloadHandler.data));
            }
        }

        private static string Reason(UnityWebRequest request)
        {
            var problem = JsonUtility.FromJson<Problem>(request.downloadHandler.text ?? "");
            return problem == null || string.IsNullOrEmpty(problem.detail) ? request.error : problem.detail;
        }

        // 16-bit mono WAV; chunks other than format and samples (labels, for example) are passed over.
        private static AudioClip ClipOf(byte[] wav)
        {
            var rate = 0;
            for (var place = 12; place + 8 <= wav.Length;)
            {
                var name = Encoding.ASCII.GetString(wav, place, 4);
                var size = BitConverter.ToInt32(wav, place + 4);
                if (name == "fmt ") rate = BitConverter.ToInt32(wav, place + 12);
                if (name == "data")
                {
                    var samples = new float[Math.Min(size, wav.Length - place - 8) / 2];
                    for (var i = 0; i < samples.Length; i++) samples[i] = BitConverter.ToInt16(wav, place + 8 + 2 * i) / 32768f;
                    var clip = AudioClip.Create("speech", samples.Length, 1, rate, false);
                    clip.SetData(samples, 0);
                    return clip;
                }
                place += 8 + size + size % 2;
            }
            throw new FormatException("the reply holds no sound");
        }
    }
}
