"""A recording as frames, one a call, that can be visited in any order."""
import bisect
import collections

from recording import Call, Cursor, Heap, Ledger

KEYS = 64 # at least as many places are kept to begin from, once there are so many

# before, after: the Heap as it was told last. told: the Inspections that this call has of its own.
# ledger: after the call.
Frame = collections.namedtuple("Frame", "call before after told ledger")


class Film:
    def __init__(self, recording):
        self.recording, self.calls, self.broken, self.failed = recording, 0, None, []
        ledger = Ledger()
        ledger.inherit(recording)
        self.keys = [(Cursor(recording.start), Heap(), ledger)]
        self.scan()

    def scan(self):
        """To the end: counts, finds what can be jumped to, and keeps a place now and then."""
        step, (cursor, heap, ledger) = 256, self.begin(0)
        for item in self.recording.items(cursor):
            if not isinstance(item, Call):
                heap.apply(item)
                if item.broken and self.broken is None:
                    self.broken = item.after
                continue
            self.calls = item.number
            ledger.add(item)
            if item.failed:
                self.failed.append(item.number)
            if item.number % step == 0:
                self.keys.append((cursor.copy(), heap.copy(), ledger.copy()))
            if len(self.keys) > 2 * KEYS:
                self.keys, step = self.keys[::2], step * 2

    def begin(self, number):
        """Copies of the last place that lies before a call."""
        at = bisect.bisect_left([cursor.number for cursor, _, _ in self.keys], number) - 1
        return [kept.copy() for kept in self.keys[max(0, at)]]

    def frame(self, number):
        cursor, heap, ledger = self.begin(number)
        call, before, told = None, heap, []
        for item in self.recording.items(cursor):
            if not isinstance(item, Call):
                if call:
                    told.append(item)
                    before = heap.copy() if item.before_call else before # the program changed it since
                heap.apply(item)
            elif call:
                break
            else:
                ledger.add(item)
                if item.number == number:
                    call, before = item, heap.copy()
        return Frame(call, before, heap, told, ledger)

    def search(self, words, number, backwards=False):
        """The number of the next call whose text has these words; None: there is none."""
        cursor, heap, _ = self.begin(0 if backwards else number)
        found = None
        for item in self.recording.items(cursor):
            if not isinstance(item, Call):
                heap.apply(item)
            elif backwards and item.number >= number:
                break
            elif (backwards or item.number > number) and words in item.text(heap.name):
                found = item.number
                if not backwards:
                    break
        return found
