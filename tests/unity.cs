// What the Unity clients use of UnityEngine, as declarations: enough to compile them where no Unity is.
using System;
using System.Collections;

namespace UnityEngine
{
    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeField : Attribute { }
    public class Object { }
    public class MonoBehaviour : Object { public Coroutine StartCoroutine(IEnumerator routine) { return null; } }
    public sealed class Coroutine { }
    public sealed class AudioClip : Object
    {
        public delegate void PCMReaderCallback(float[] data);
        public static AudioClip Create(string name, int lengthSamples, int channels, int frequency, bool stream) { return null; }
        public static AudioClip Create(string name, int lengthSamples, int channels, int frequency, bool stream, PCMReaderCallback read) { return null; }
        public bool SetData(float[] data, int offsetSamples) { return true; }
    }
    public sealed class AudioSource : Object
    {
        public AudioClip clip { get; set; }
        public bool loop { get; set; }
        public void Play() { }
    }
    public sealed class Mesh : Object
    {
        public int blendShapeCount { get { return 0; } }
        public string GetBlendShapeName(int index) { return ""; }
    }
    public sealed class SkinnedMeshRenderer : Object
    {
        public Mesh sharedMesh { get; set; }
        public float GetBlendShapeWeight(int index) { return 0f; }
        public void SetBlendShapeWeight(int index, float value) { }
    }
    public static class Mathf { public static float Lerp(float a, float b, float t) { return a + (b - a) * t; } }
    public static class Debug { public static void LogWarning(object message) { } }
    public static class JsonUtility
    {
        public static string ToJson(object value) { return ""; }
        public static T FromJson<T>(string text) { return default(T); }
    }
}

namespace UnityEngine.Networking
{
    public sealed class UnityWebRequestAsyncOperation { }
    public class UploadHandler { }
    public sealed class UploadHandlerRaw : UploadHandler { public UploadHandlerRaw(byte[] data) { } }
    public class DownloadHandler { public byte[] data { get { return null; } } public string text { get { return ""; } } }
    public sealed class DownloadHandlerBuffer : DownloadHandler { }
    public sealed class UnityWebRequest : IDisposable
    {
        public enum Result { InProgress, Success, ConnectionError, ProtocolError, DataProcessingError }
        public const string kHttpVerbPOST = "POST";
        public UnityWebRequest(string url, string method) { }
        public UploadHandler uploadHandler { get; set; }
        public DownloadHandler downloadHandler { get; set; }
        public Result result { get { return Result.Success; } }
        public string error { get { return ""; } }
        public void SetRequestHeader(string name, string value) { }
        public UnityWebRequestAsyncOperation SendWebRequest() { return null; }
        public void Dispose() { }
    }
}
