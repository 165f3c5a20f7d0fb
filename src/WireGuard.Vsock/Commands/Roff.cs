using System.Text;
using System.Text.RegularExpressions;

namespace WireGuard.Vsock.Commands;

/// <summary>Help as a man page, in the man macros that groff and mandoc know (man(7)).</summary>
internal static partial class Roff
{
    /// <summary>Of the last change of what the pages say.</summary>
    private const string Date = "2026-11-26";

    private const int Columns = 78;

    public static string Of(string name, int section, string manual, IEnumerable<HelpBlock> blocks)
    {
        StringBuilder text = new();
        string source = $"{Say.ProgramName} {CommandLine.Version}";
        text.Append($".TH {Escape(name.ToUpperInvariant())} {section} {Date} \"{source}\" \"{manual}\"\n");
        bool isInSynopsis = false, isAfterText = false, isInLines = false;
        foreach (HelpBlock block in blocks)
        {
            if (isInLines && block is not HelpBlock.Line) text.Append(".fi\n.RE\n");
            switch (block)
            {
                case HelpBlock.Heading(var heading):
                    text.Append($".SH {Escape(heading.ToUpperInvariant())}\n");
                    break;
                case HelpBlock.SubHeading(var heading):
                    text.Append($".SS {Escape(heading)}\n");
                    break;
                case HelpBlock.Synopsis(var usage):
                    if (isInSynopsis) text.Append(".br\n");
                    AppendText(text, Marked(usage));
                    break;
                case HelpBlock.Paragraph(var paragraph):
                    if (isAfterText) text.Append(".PP\n");
                    AppendText(text, Escape(paragraph));
                    break;
                case HelpBlock.Line(var line):
                    if (!isInLines) text.Append(".PP\n.RS 4\n.nf\n");
                    text.Append(Guard(Escape(line))).Append('\n');
                    break;
                case HelpBlock.Item(var term, var meaning):
                    text.Append(".TP\n").Append(Guard(Marked(term))).Append('\n');
                    AppendText(text, Escape(meaning));
                    break;
            }
            isInLines = block is HelpBlock.Line;
            isInSynopsis = block is HelpBlock.Synopsis;
            isAfterText = block is not (HelpBlock.Heading or HelpBlock.SubHeading);
        }
        return text.ToString();
    }

    /// <summary>Each sentence begins a line, and long lines are broken between words: neither is seen on the page.</summary>
    private static void AppendText(StringBuilder text, string words)
    {
        int column = 0;
        string last = "";
        foreach (string word in words.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            bool isNewSentence = last.EndsWith('.') || last.EndsWith('?') || last.EndsWith('!');
            if (column > 0)
            {
                bool isFull = isNewSentence || column + 1 + word.Length > Columns;
                text.Append(isFull ? '\n' : ' ');
                column = isFull ? 0 : column + 1;
            }
            text.Append(column == 0 ? Guard(word) : word);
            column += word.Length;
            last = word;
        }
        text.Append('\n');
    }

    /// <summary>A term: options and lower-case words are bold, names for values are italic.</summary>
    private static string Marked(string term) => Word().Replace(term, match => match.Groups["value"].Success
        ? $"\\fI{Escape(match.Value)}\\fR"
        : match.Groups["word"].Success ? $"\\fB{Escape(match.Value)}\\fR" : Escape(match.Value));

    private static string Escape(string text)
    {
        StringBuilder escaped = new();
        foreach (char c in text)
        {
            escaped.Append(c switch
            {
                '\\' => "\\e",
                '-' => "\\-",
                '\'' => "\\(aq",
                '`' => "\\(ga",
                '^' => "\\(ha",
                '~' => "\\(ti",
                '"' => "\\(dq",
                _ => c.ToString(),
            });
        }
        return escaped.ToString();
    }

    /// <summary>A line of text must not begin as a request does.</summary>
    private static string Guard(string line) => line.StartsWith('.') ? "\\&" + line : line;

    [GeneratedRegex(@"(?<value>\b[A-Z][A-Z_]*\b)|(?<word>(?<!\w)-{0,2}[A-Za-z][\w%./-]*\w|-\w|\w)|[^A-Za-z-]+|.")]
    private static partial Regex Word();
}
