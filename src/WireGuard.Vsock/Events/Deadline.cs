using WireGuard.Protocol.Peers;

namespace WireGuard.Vsock.Events;

/// <summary>
/// A callback at a time: created once, then scheduled, moved and cancelled any number of times
/// (<see cref="EventLoop.Schedule"/>). It is in the heap at most once. Control only.
/// </summary>
internal sealed class Deadline
{
    private int _place;

    /// <param name="onTime">Called each time it is due; it is then no longer scheduled.</param>
    public Deadline(Action onTime) => OnTime = onTime;

    public Action OnTime { get; }

    /// <summary>When it is due, in ms of boot time; <see cref="PeerTimers.Never"/> while it is not scheduled.</summary>
    public long AtMs { get; private set; } = PeerTimers.Never;

    public bool IsScheduled => AtMs != PeerTimers.Never;

    /// <summary>
    /// The scheduled deadlines: a binary heap in which each deadline knows its place, so that it is moved or removed without a
    /// search. Two deadlines for one time fire in either order.
    /// </summary>
    internal sealed class Heap
    {
        private readonly List<Deadline> _heap = [];

        public int Count => _heap.Count;

        /// <summary>When the first is due; <see cref="PeerTimers.Never"/> when there is none.</summary>
        public long FirstMs => _heap.Count == 0 ? PeerTimers.Never : _heap[0].AtMs;

        /// <summary>Adds or moves the deadline, or removes it for <see cref="PeerTimers.Never"/>.</summary>
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

        /// <summary>Removes the first, if it is due.</summary>
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

        /// <summary>Moves it up while it is due before its parent, then down while a child is due before it.</summary>
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
