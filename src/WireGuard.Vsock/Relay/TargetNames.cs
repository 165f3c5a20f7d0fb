using Microsoft.Extensions.Logging;
using WireGuard.Vsock.Events;
using WireGuard.Vsock.Transport;
using static WireGuard.Vsock.Interop.Libc;

namespace WireGuard.Vsock.Relay;

/// <summary>
/// Resolves the names in targets: when they are new, and again when a target fails, but at most once a minute. What was known
/// stays until there is another answer. Without any, it is asked again after 1 s, then less and less often. Control only.
/// </summary>
internal sealed class TargetNames : IDisposable
{
    public const int IntervalMs = 60_000;

    private const int FirstRetryMs = 1_000;

    private readonly ILogger _log;
    private readonly NameResolver<Target> _resolver;
    private readonly Dictionary<Target, Question> _questions = [];

    /// <param name="loop">The control loop.</param>
    /// <param name="resolve">As <see cref="NameResolver.Resolve"/>, on a thread of its own.</param>
    /// <param name="log">Of the relay.</param>
    public TargetNames(EventLoop loop, Func<Target, NameAnswer> resolve, ILogger log)
    {
        _log = log;
        _resolver = new NameResolver<Target>(resolve);
        loop.Watch(_resolver.Fd, EPOLLIN, _ => TakeAnswers(loop.NowMs));
    }

    /// <summary>Resolves a target's name, if it has one.</summary>
    public void Add(Target target, long nowMs)
    {
        if (!target.Address.IsName || !_questions.TryAdd(target, new Question()))
            return;
        Ask(target, _questions[target], nowMs);
    }

    public void Remove(Target target)
    {
        if (_questions.Remove(target))
            _resolver.Forget(target);
    }

    /// <summary>Once a second: asks for those that have failed.</summary>
    public void Sweep(long nowMs)
    {
        foreach ((Target target, Question question) in _questions)
        {
            bool mustAsk = question.IsUnanswered || target.TakeFailed();
            question.MustAsk |= mustAsk;
            if (question.MustAsk && !question.IsAsked && nowMs >= question.NotBeforeMs)
                Ask(target, question, nowMs);
        }
    }

    public void Dispose() => _resolver.Dispose();

    private void Ask(Target target, Question question, long nowMs)
    {
        question.IsAsked = true;
        question.MustAsk = false;
        question.AskedMs = nowMs;
        _resolver.Ask(target);
    }

    private void TakeAnswers(long nowMs)
    {
        _resolver.BeginTaking();
        while (_resolver.TryTake(out Target? target, out NameAnswer answer))
        {
            if (!_questions.TryGetValue(target, out Question? question))
                continue;
            question.IsAsked = false;
            bool isResolved = answer.Addresses.Count != 0;
            question.IsUnanswered &= !isResolved;
            question.RetryMs = question.IsUnanswered ? Math.Clamp(2 * question.RetryMs, FirstRetryMs, IntervalMs) : IntervalMs;
            question.NotBeforeMs = question.AskedMs + question.RetryMs;
            if (!isResolved)
                Log.RelayNameUnresolved(_log, target.Address, answer.Error);
            else if (target.Resolved([.. answer.Addresses]))
                Log.RelayNameResolved(_log, target.Address, answer.Addresses[0]);
        }
    }

    private sealed class Question
    {
        public bool IsAsked { get; set; }

        /// <summary>Nothing is known of the name yet.</summary>
        public bool IsUnanswered { get; set; } = true;

        public bool MustAsk { get; set; }

        public long AskedMs { get; set; }

        public long NotBeforeMs { get; set; }

        public int RetryMs { get; set; }
    }
}
