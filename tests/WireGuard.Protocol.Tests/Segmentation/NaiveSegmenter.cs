namespace WireGuard.Protocol.Tests.Segmentation;

/// <summary>Cuts what a packet is made of, not its bytes: every segment is a packet that is written down anew.</summary>
internal static class NaiveSegmenter
{
    public static List<byte[]> Cut(TestPacket whole, int segmentSize, int segmentsPerPiece = 1)
    {
        var pieces = new List<byte[]>();
        int pieceSize = segmentSize * segmentsPerPiece;
        byte[][] payloads = [.. whole.Payload.Chunk(pieceSize)];
        for (int i = 0; i < payloads.Length; i++)
        {
            byte flags = whole.Flags;
            if (i > 0)
                flags = (byte)(flags & ~TestPacket.Cwr);
            if (i < payloads.Length - 1)
                flags = (byte)(flags & ~TestPacket.Fin & ~TestPacket.Psh);
            TestPacket piece = whole with
            {
                Payload = payloads[i],
                Identification = (ushort)(whole.Identification + i * segmentsPerPiece),
                Sequence = (uint)(whole.Sequence + i * pieceSize),
                Flags = flags,
            };
            pieces.Add(piece.Build());
        }
        return pieces;
    }
}
