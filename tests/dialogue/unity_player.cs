// Plays a film by the Unity client, frame after frame, always the first choice; prints what it is told.
using System;
using System.Collections.Generic;
using System.Reflection;
using System.Threading;

public static class UnityPlayer
{
    public static int Main(string[] words)
    {
        var client = new FilmClient { address = words[0], source = new UnityEngine.AudioSource() };
        var ended = false;
        var offered = new Queue<int>();
        client.LineBegun += (character, text, emotion) => Console.WriteLine("line " + character + " " + emotion + " " + text);
        client.ChoicesOffered += choices => offered.Enqueue(choices[0].index);
        client.Ended += ending => { ended = true; Console.WriteLine("end " + ending); };
        Call(client, "OnEnable");
        for (var frame = 0; frame < 6000 && !ended; frame++)
        {
            Call(client, "Update");
            while (offered.Count > 0) client.Choose(offered.Dequeue()).Wait();
            Thread.Sleep(10);
        }
        Call(client, "OnDisable");
        return ended ? 0 : 1;
    }

    static void Call(FilmClient client, string name)
    {
        typeof(FilmClient).GetMethod(name, BindingFlags.Instance | BindingFlags.NonPublic).Invoke(client, null);
    }
}
