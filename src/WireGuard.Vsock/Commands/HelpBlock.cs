namespace WireGuard.Vsock.Commands;

/// <summary>A piece of a page of help, which is shown on a terminal (<see cref="HelpText"/>) or as a man page
/// (<see cref="Roff"/>). Texts are plain, in ASCII, without line breaks.</summary>
internal abstract record HelpBlock
{
    public sealed record Heading(string Text) : HelpBlock;

    public sealed record SubHeading(string Text) : HelpBlock;

    public sealed record Paragraph(string Text) : HelpBlock;

    /// <summary>A line to type, or of a file: as it is.</summary>
    public sealed record Line(string Text) : HelpBlock;

    /// <summary>How a command is used.</summary>
    public sealed record Synopsis(string Text) : HelpBlock;

    public sealed record Item(string Term, string Meaning) : HelpBlock;

    public static IEnumerable<HelpBlock> Items(string heading, IEnumerable<HelpItem> items)
    {
        List<HelpBlock> blocks = [.. items.Select(item => new Item(item.Term, item.Meaning))];
        return blocks.Count == 0 ? [] : [new Heading(heading), .. blocks];
    }

    /// <summary>What each line does, and the line.</summary>
    public static IEnumerable<HelpBlock> Examples(string heading, IEnumerable<HelpItem> examples)
    {
        List<HelpBlock> blocks = [];
        foreach (HelpItem example in examples)
            blocks.AddRange([new Paragraph(example.Meaning), .. example.Term.Split('\n').Select(line => new Line(line))]);
        return blocks.Count == 0 ? [] : [new Heading(heading), .. blocks];
    }
}
