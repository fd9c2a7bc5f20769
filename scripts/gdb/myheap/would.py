"""What would free(p) or realloc(p, n) do now? The stage's steps, followed on a copy of the list."""
from . import stages
from .heap import ALIGNMENT, Chunk
from .program import Unreadable, pointer_size


NOT_OURS = ": so it is not ours."


class Model:
    """The chunks as [address, size, free], on which the steps are tried out."""

    def __init__(self, heap):
        self.heap, self.header = heap, heap.inspect.header
        self.chunks = [[chunk.address, chunk.size, bool(chunk.free)] for chunk in heap.chunks]
        self.top = heap.high
        stage = heap.inspect.stage
        self.promises = stages.promises(stage)
        self.min_payload = stages.constant(stage, "MIN_PAYLOAD", ALIGNMENT)
        self.trim_threshold = stages.constant(stage, "TRIM_THRESHOLD", 128 * 1024)
        self.max_request = (1 << 8 * pointer_size() - 1) - 1 - self.header - 2 * ALIGNMENT
        self.steps = []

    def say(self, text, *values):
        self.steps.append(text % values)

    def name(self, address):
        return self.heap.name(address)

    def rows(self):
        return {address: (size, free) for address, size, free in self.chunks}

    def index_of(self, address):
        return next((i for i, chunk in enumerate(self.chunks) if chunk[0] == address), None)

    def end(self, i):
        address, size, _ = self.chunks[i]
        return address + self.header + size

    # The steps of a stage, each under the name that it has in malloc.c.

    def chunk_of(self, payload):
        """The index of the chunk; None, with the reason said, when the stage finds it's not ours."""
        header = self.header
        if payload % ALIGNMENT:
            self.say("%s is not a multiple of %d" + NOT_OURS, self.name(payload), ALIGNMENT)
            return None
        try:
            first = Chunk(self.heap.inspect, self.heap.base.next).data
            last = Chunk(self.heap.inspect, self.heap.base.prev).data
            if not first <= payload <= last:
                self.say("It does not lie between the first payload and the last" + NOT_OURS)
                return None
            chunk = Chunk(self.heap.inspect, payload - header)
        except Unreadable as error:
            self.say("It reads memory at %s, where there is none: SIGSEGV.", self.name(error.args[0]))
            return None
        if chunk.data != payload:
            self.say("The %d bytes before it are no header: data is %s, not %s" + NOT_OURS,
                     header, self.name(chunk.data), self.name(payload))
            return None
        self.say("The %d bytes before it are a header: data points to it. It is ours.", header)
        i = self.index_of(chunk.address)
        if i is None:
            self.say("But the list does not lead to that chunk: beyond this, nothing is certain.")
        return i

    def chunk_can_join(self, i, what):
        """Can chunk i take the next one in? Says why, or why not."""
        if i + 1 == len(self.chunks):
            self.say("%s: there is none, the chunk is the last.", what)
            return False
        address, _, free = self.chunks[i + 1]
        gap = address - self.end(i)
        if not self.chunks[i + 1 if what == "Next" else i][2]:
            self.say("%s: in use, no join.", what)
        elif gap:
            self.say("%s: free, but %d bytes that are not ours lie between, no join.", what, gap)
        return free and not gap

    def chunk_join(self, i):
        self.chunks[i][1] += self.header + self.chunks.pop(i + 1)[1]

    def chunk_release(self, i):
        self.chunks[i][2] = True
        if "merge" not in self.promises:
            return
        if self.chunk_can_join(i, "Next"):
            self.say("Next: free, and it touches: joined, %s is taken in.", self.name(self.chunks[i + 1][0]))
            self.chunk_join(i)
        if i == 0:
            self.say("Previous: there is none, the chunk is the first.")
        elif self.chunks[i - 1][2] and self.chunk_can_join(i - 1, "Previous"):
            i -= 1
            self.say("Previous: free, and it touches: joined, %s takes it in.", self.name(self.chunks[i][0]))
            self.chunk_join(i)
        elif not self.chunks[i - 1][2]:
            self.say("Previous: in use, no join.")
        self.heap_trim(i)

    def heap_trim(self, i):
        size = self.header + self.chunks[i][1]
        if "trim" not in self.promises or i + 1 < len(self.chunks):
            return
        if self.chunks[i][1] < self.trim_threshold:
            self.say("It is the last chunk, but smaller than %d bytes: nothing goes back to the system.",
                     self.trim_threshold)
        elif self.end(i) != self.top:
            self.say("It is the last chunk, but the break is not at its end: nothing goes back.")
        else:
            self.say("It is the last chunk and large: sbrk(-%d) gives it back to the system.", size)
            self.top -= size
            del self.chunks[i]

    def chunk_split(self, i, size):
        whole = self.chunks[i][1]
        rest = whole - size - self.header
        if "split" not in self.promises or rest < self.min_payload:
            if whole > size and "split" in self.promises:
                self.say("It keeps all its %d bytes: a rest could not hold a header and %d bytes.",
                         whole, self.min_payload)
            elif whole > size:
                self.say("It keeps all its %d bytes: this stage doesn't cut.", whole)
            return
        self.chunks[i][1] = size
        self.chunks.insert(i + 1, [self.end(i), rest, False])
        self.say("It is cut: the rest becomes a free chunk at %s, %d bytes.", self.name(self.end(i)), rest)
        self.chunk_release(i + 1)

    def round(self, size):
        up = -(-max(size, 1) // ALIGNMENT) * ALIGNMENT
        if up != size:
            self.say("%d is rounded up to %d.", size, up)
        return up

    # The calls.

    def malloc(self, size):
        if size > self.max_request:
            self.say("%d is more than malloc takes: NULL, errno ENOMEM.", size)
            return None
        size = self.round(size)
        for i, chunk in enumerate(self.chunks if "reuse" in self.promises else []):
            if self.heap.broken and i == len(self.chunks) - self.heap.behind:
                break
            if chunk[2] and chunk[1] >= size:
                small = sum(other[2] for other in self.chunks[:i])
                self.say("First fit passes %d chunk%s, %d of them free but too small, and takes %s, %d bytes.",
                         i, "" if i == 1 else "s", small, self.name(chunk[0]), chunk[1])
                chunk[2] = False
                self.chunk_split(i, size)
                return chunk[0] + self.header
        if "reuse" not in self.promises:
            self.say("This stage uses no freed memory again.")
        elif self.heap.broken:
            self.say("No chunk fits as far as the list can be followed; then next is broken: a crash, "
                     "or a walk without end.")
            return None
        else:
            self.say("First fit finds no free chunk with room for %d bytes.", size)
        start = -(-self.top // ALIGNMENT) * ALIGNMENT
        self.say("The heap grows by %d bytes: a new chunk at +%d.", start - self.top + self.header + size,
                 start - self.heap.start)
        self.top = start + self.header + size
        self.chunks.append([start, size, False])
        return start + self.header

    def free(self, payload):
        if payload == 0:
            self.say("free(NULL) does nothing.")
            return
        i = self.chunk_of(payload)
        if i is None:
            if self.steps[-1].endswith(NOT_OURS):
                self.say("It is left alone.")
            return
        address, size, free = self.chunks[i]
        if free:
            self.say("It is free already: a double free, and no check stops it.")
        self.say("The chunk at %s, %d bytes, %s free.", self.name(address), size,
                 "stays" if free else "becomes")
        self.chunk_release(i)

    def realloc(self, payload, size):
        if payload == 0:
            self.say("realloc(NULL, n) is malloc(n).")
            return self.malloc(size)
        if size == 0:
            self.say("realloc(p, 0) is free(p), and gives NULL.")
            return self.free(payload)
        i = self.chunk_of(payload)
        if i is None:
            if self.steps[-1].endswith(NOT_OURS):
                self.say("NULL, errno ENOMEM; nothing changes.")
            return None
        in_place = "realloc-in-place" in self.promises
        if in_place and size <= self.max_request:
            size = self.round(size)
            whole = self.chunks[i][1]
            if size > whole and self.chunk_can_join(i, "Next"):
                together = whole + self.header + self.chunks[i + 1][1]
                if size <= together:
                    self.say("Next: free, and it touches: together %d bytes, joined.", together)
                    self.chunk_join(i)
                else:
                    self.say("Next: free, and it touches, but together they are %d bytes: too few.", together)
        if size <= self.chunks[i][1]:
            self.say("The block stays where it is.")
            if in_place:
                self.chunk_split(i, size)
            return payload
        self.say("The chunk has %d bytes: the block must move. malloc(%d):", self.chunks[i][1], size)
        moved = self.malloc(size)
        if moved is not None:
            self.say("%d bytes are copied. free(%s):", self.chunks[self.index_of(payload - self.header)][1],
                     self.name(payload))
            self.free(payload)
        return moved
