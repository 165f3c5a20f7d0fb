using System.Text;

namespace WireGuard.Vsock.Commands;

/// <summary>Help as text for a terminal, of at most 100 columns.</summary>
internal static class HelpText
{
    private const int Columns = 100;

    /// <summary>A meaning begins here; a term that is longer has a line of its own.</summary>
    private const int Indent = 24;

    private const string Usage = "Usage: ";

    public static string Of(CommandPage page, bool isBold = false) => Of(HelpPages.Of(page), isBold);

    /// <param name="blocks">The page.</param>
    /// <param name="isBold">Whether headings are bold, by the terminal's escape sequences.</param>
    public static string Of(IEnumerable<HelpBlock> blocks, bool isBold = false)
    {
        StringBuilder text = new();
        string lead = isBold ? $"\e[1m{Usage}\e[0m" : Usage;
        HelpBlock? last = null;
        foreach (HelpBlock block in blocks)
        {
            if (NeedsGap(last, block)) text.Append('\n');
            switch (block)
            {
                case HelpBlock.Synopsis synopsis:
                    text.Append(lead);
                    Wrap(text, synopsis.Text, Usage.Length, Usage.Length + 4);
                    lead = new string(' ', Usage.Length);
                    break;
                case HelpBlock.Heading(var heading):
                    text.Append(isBold ? $"\e[1m{heading}:\e[0m\n" : $"{heading}:\n");
                    break;
                case HelpBlock.SubHeading(var heading):
                    text.Append(isBold ? $"\e[1m{heading}\e[0m\n" : $"{heading}\n");
                    break;
                case HelpBlock.Paragraph(var paragraph):
                    Wrap(text, paragraph, 0, 0);
                    break;
                case HelpBlock.Line(var line):
                    text.Append("    ").Append(line).Append('\n');
                    break;
                case HelpBlock.Item(var term, var meaning):
                    Append(text, term, meaning);
                    break;
            }
            last = block;
        }
        return text.ToString().TrimEnd('\n');
    }

    /// <summary>An empty line, except within lists, after a heading, and between a line and what it does.</summary>
    private static bool NeedsGap(HelpBlock? last, HelpBlock next) => last switch
    {
        null or HelpBlock.Heading or HelpBlock.SubHeading => false,
        HelpBlock.Item => next is not HelpBlock.Item,
        HelpBlock.Synopsis => next is not HelpBlock.Synopsis,
        HelpBlock.Line => next is not HelpBlock.Line,
        _ => next is not HelpBlock.Line,
    };

    private static void Append(StringBuilder text, string term, string meaning)
    {
        text.Append("  ").Append(term);
        int column = term.Length + 2;
        if (column > Indent - 2)
        {
            text.Append('\n');
            column = 0;
        }
        text.Append(' ', Indent - column);
        Wrap(text, meaning, Indent, Indent);
    }

    /// <summary>Adds words, and breaks lines between them.</summary>
    /// <param name="text">To which.</param>
    /// <param name="words">Separated by spaces.</param>
    /// <param name="column">Where the first line is.</param>
    /// <param name="indent">Where the others begin.</param>
    private static void Wrap(StringBuilder text, string words, int column, int indent)
    {
        bool isFirst = true;
        foreach (string word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!isFirst && column + 1 + word.Length > Columns)
            {
                text.Append('\n').Append(' ', indent);
                column = indent;
            }
            else if (!isFirst)
            {
                text.Append(' ');
                column++;
            }
            text.Append(word);
            column += word.Length;
            isFirst = false;
        }
        text.Append('\n');
    }
}
