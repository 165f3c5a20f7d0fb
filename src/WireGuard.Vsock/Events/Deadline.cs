using WireGuard.Protocol.Peers;

namespace WireGuard.Vsock.Events;

/// <summary>
/// Something that is to be done at a time: made once by whoever does it, and scheduled, moved and cancelled as often as need be
/// (<see cref="EventLoop.Schedule"/>). It stands in the heap once, or not at all. Control only.
/// </summary>
internal sealed class Deadline
{
    private int _place;

    /// <param name="onTime">Called each time it comes; it is not scheduled any more then.</param>
    public Deadline(Action onTime) => OnTime = onTime;

    public Action OnTime { get; }

    /// <summary>When it comes, in ms of boot time; <see cref="PeerTimers.Never"/> while it is not scheduled.</summary>
    public long AtMs { get; private set; } = PeerTimers.Never;

    public bool IsScheduled => AtMs != PeerTimers.Never;

    /// <summary>
    /// The deadlines that are scheduled: a binary heap, in which each knows its place, so that one is moved or taken out without
    /// a search. Of two for the same time, either may come first.
    /// </summary>
    internal sealed class Heap
    {
        private readonly List<Deadline> _heap = [];

        public int Count => _heap.Count;

        /// <summary>When the first comes; <see cref="PeerTimers.Never"/> when there is none.</summary>
        public long FirstMs => _heap.Count == 0 ? PeerTimers.Never : _heap[0].AtMs;

        /// <summary>Puts the deadline in, moves it, or with <see cref="PeerTimers.Never"/> takes it out.</summary>
        public void Set(Deadline deadline, long atMs)
        {
            if (deadline.AtMs == atMs)
                return;
            if (atMs == PeerTimers.Never)
            {
                Remove(deadline);
                return;
            }

            if (!deadline.IsScheduled)
            {
                deadline._place = _heap.Count;
                _heap.Add(deadline);
            }

            deadline.AtMs = atMs;
            Settle(deadline);
        }

        /// <summary>Takes the first out, if it is due.</summary>
        /// <returns>Null if none is.</returns>
        public Deadline? TakeDue(long nowMs)
        {
            if (FirstMs > nowMs || _heap.Count == 0)
                return null;
            Deadline first = _heap[0];
            Remove(first);
            return first;
        }

        private void Remove(Deadline deadline)
        {
            deadline.AtMs = PeerTimers.Never;
            Deadline last = _heap[^1];
            _heap.RemoveAt(_heap.Count - 1);
            if (last == deadline)
                return;
            Put(last, deadline._place);
            Settle(last);
        }

        /// <summary>Moves it up while it comes before what is above it, else down while what is below it comes first.</summary>
        private void Settle(Deadline deadline)
        {
            int place = deadline._place;
            for (int above; place > 0 && deadline.AtMs < _heap[above = (place - 1) / 2].AtMs; place = above)
                Put(_heap[above], place);
            while (true)
            {
                int below = (2 * place) + 1;
                if (below + 1 < _heap.Count && _heap[below + 1].AtMs < _heap[below].AtMs)
                    below++;
                if (below >= _heap.Count || _heap[below].AtMs >= deadline.AtMs)
                    break;
                Put(_heap[below], place);
                place = below;
            }

            Put(deadline, place);
        }

        private void Put(Deadline deadline, int place)
        {
            _heap[place] = deadline;
            deadline._place = place;
        }
    }
}
