using System.Text;

namespace WireGuard.Vsock.Commands;

/// <summary>Help as text for a terminal, of at most 100 columns.</summary>
internal static class HelpText
{
    private const int Columns = 100;

    /// <summary>A meaning begins here; a term that is longer has a line of its own.</summary>
    private const int Indent = 24;

    public static string Of(CommandPage page)
    {
        StringBuilder text = new();
        string lead = "Usage: ";
        foreach (string usage in page.Usage)
        {
            Wrap(text, $"{lead}{Say.ProgramName} {page.Name} {usage}".TrimEnd(), lead.Length + 4);
            lead = "       ";
        }
        text.Append('\n');
        Wrap(text, page.Summary + ".", 0);
        foreach (string paragraph in page.Paragraphs)
        {
            text.Append('\n');
            Wrap(text, paragraph, 0);
        }
        Section(text, "Options", page.Options);
        Section(text, "Environment", page.Environment);
        Section(text, "Files", page.Files);
        Section(text, "Examples", page.Examples);
        return text.ToString().TrimEnd('\n');
    }

    public static void Section(StringBuilder text, string heading, IReadOnlyList<HelpItem> items)
    {
        if (items.Count == 0) return;
        text.Append('\n').Append(heading).Append(":\n");
        foreach (HelpItem item in items)
        {
            string term = $"  {item.Term}";
            if (term.Length > Indent - 2)
            {
                text.Append(term).Append('\n');
                term = "";
            }
            Wrap(text, term.PadRight(Indent) + item.Meaning, Indent);
        }
    }

    /// <summary>Adds a paragraph, whose lines after the first are indented. White space that it begins with stays.</summary>
    private static void Wrap(StringBuilder text, string paragraph, int indent)
    {
        ReadOnlySpan<char> rest = paragraph;
        int margin = 0;
        while (rest.Length > Columns - margin)
        {
            int end = rest[..(Columns - margin + 1)].LastIndexOf(' ');
            if (end <= 0 || rest[..end].Trim().IsEmpty) end = rest.IndexOf(' ') is var next and > 0 ? next : rest.Length;
            text.Append(' ', margin).Append(rest[..end].TrimEnd()).Append('\n');
            rest = rest[end..].TrimStart();
            margin = indent;
        }
        if (!rest.IsEmpty) text.Append(' ', margin).Append(rest.TrimEnd()).Append('\n');
    }
}
