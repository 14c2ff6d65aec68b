// A film in Unity through the engine protocol. Put it on an object with an AudioSource; it needs Newtonsoft.Json (com.unity.nuget.newtonsoft-json).
using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Net.WebSockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Newtonsoft.Json.Linq;
using UnityEngine;

public class FilmClient : MonoBehaviour
{
    public struct Choice { public int index; public string text; }
    struct Shape { public string name; public double start, end; } // seconds since the film's first sample

    public string address = "ws://127.0.0.1:8765/film";
    public AudioSource source;
    public SkinnedMeshRenderer face;                       // with blend shapes named like the visemes: PP, FF, aa ...

    public event Action<string, string, string> LineBegun; // character, words, emotion
    public event Action<string> Narrated;
    public event Action<List<Choice>> ChoicesOffered;
    public event Action<string> Ended;

    readonly ConcurrentQueue<JObject> received = new ConcurrentQueue<JObject>();
    readonly Queue<float> samples = new Queue<float>();
    readonly List<Shape> shapes = new List<Shape>();
    ClientWebSocket socket;
    CancellationTokenSource closing;
    string session;
    JObject pending;                                       // an answer that may not have come through
    int seq, question, rate = 16000;
    long queued, played;                                   // samples
    double lineBegins;
    bool over;

    async void OnEnable()
    {
        closing = new CancellationTokenSource();
        var first = new JObject { ["type"] = "start", ["seed"] = 0 };
        while (!over && !closing.IsCancellationRequested)
        {
            try
            {
                socket = new ClientWebSocket();
                await socket.ConnectAsync(new Uri(address), closing.Token);
                await Send(first);
                if (pending != null) await Send(pending);      // the film takes an answer to a question once
                await Listen();
            }
            catch (WebSocketException) { await Task.Delay(500); }
            catch (OperationCanceledException) { return; }
            if (session != null) first = new JObject { ["type"] = "resume", ["session"] = session, ["after"] = seq };
        }
    }

    void OnDisable() => closing?.Cancel();

    public Task Choose(int index) => Answer(new JObject { ["type"] = "choose", ["index"] = index });
    public Task Say(string words) => Answer(new JObject { ["type"] = "say", ["text"] = words });
    public Task Interrupt()
    {
        lock (samples) { samples.Clear(); played = queued; }
        shapes.Clear();
        return Send(new JObject { ["type"] = "cancel" });
    }

    Task Answer(JObject message)
    {
        message["question"] = question;
        pending = message;
        return socket?.State == WebSocketState.Open ? Send(message) : Task.CompletedTask;
    }

    Task Send(JObject message) => socket.SendAsync(
        new ArraySegment<byte>(Encoding.UTF8.GetBytes(message.ToString(Newtonsoft.Json.Formatting.None))),
        WebSocketMessageType.Text, true, closing.Token);

    async Task Listen()
    {
        var buffer = new byte[1 << 16];
        while (socket.State == WebSocketState.Open)
        {
            using (var whole = new MemoryStream())
            {
                WebSocketReceiveResult part;
                do
                {
                    part = await socket.ReceiveAsync(new ArraySegment<byte>(buffer), closing.Token);
                    if (part.MessageType == WebSocketMessageType.Close) return;
                    whole.Write(buffer, 0, part.Count);
                } while (!part.EndOfMessage);
                received.Enqueue(JObject.Parse(Encoding.UTF8.GetString(whole.ToArray())));
            }
        }
    }

    void Update()
    {
        while (received.TryDequeue(out var message)) Take(message);
        MoveLips();
    }

    void Take(JObject message)
    {
        int number = (int?)message["seq"] ?? 0;
        if (number != 0 && number <= seq) return;
        seq = Math.Max(seq, number);
        if (number != 0) pending = null;
        switch ((string)message["type"])
        {
            case "hello":
                if (session == (string)message["session"]) break; // again, in another language
                session = (string)message["session"];
                rate = (int)message["sample_rate"];
                source.clip = AudioClip.Create("film", rate * 3600, 1, rate, true, Fill);
                source.loop = true;
                source.Play();
                break;
            case "line":                                       // it comes while the one before is still heard
                Queue(new float[(int)((double)message["pause"] * rate)]);
                lineBegins = queued / (double)rate;
                LineBegun?.Invoke((string)message["character"], (string)message["text"], (string)message["emotion"]);
                break;
            case "audio":
                var pcm = Convert.FromBase64String((string)message["pcm"]);
                var heard = new float[pcm.Length / 2];
                for (int i = 0; i < heard.Length; i++) heard[i] = BitConverter.ToInt16(pcm, 2 * i) / 32768f;
                Queue(heard);
                foreach (var one in (JArray)message["visemes"])
                    shapes.Add(new Shape { name = (string)one[0], start = lineBegins + (double)one[1], end = lineBegins + (double)one[2] });
                break;
            case "narration": Narrated?.Invoke((string)message["text"]); break;
            case "choices":
                question = number;
                var offered = new List<Choice>();
                foreach (var one in (JArray)message["choices"])
                    offered.Add(new Choice { index = (int)one["index"], text = (string)one["text"] });
                ChoicesOffered?.Invoke(offered);
                break;
            case "end":
                over = true;
                _ = socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
                Ended?.Invoke((string)message["ending"]);
                break;
            case "error": Debug.LogWarning((string)message["message"]); break;
        }
    }

    void Queue(float[] more)
    {
        lock (samples)
            foreach (float one in more) { samples.Enqueue(one); queued++; }
    }

    void Fill(float[] data)                                // Unity asks a little before it plays
    {
        lock (samples)
            for (int i = 0; i < data.Length; i++)
            {
                data[i] = samples.Count > 0 ? samples.Dequeue() : 0f;
                if (played < queued) played++;
            }
    }

    void MoveLips()
    {
        if (face == null) return;
        double place = played / (double)rate;
        shapes.RemoveAll(one => one.end < place - 1);
        for (int i = 0; i < face.sharedMesh.blendShapeCount; i++)
        {
            string name = face.sharedMesh.GetBlendShapeName(i);
            bool held = shapes.Exists(one => one.name == name && one.start <= place && place < one.end);
            face.SetBlendShapeWeight(i, Mathf.Lerp(face.GetBlendShapeWeight(i), held ? 100f : 0f, 0.4f));
        }
    }
}
