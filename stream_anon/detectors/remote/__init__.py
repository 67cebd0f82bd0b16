"""Networks that run in a process of their own, for many streams: a client, a service, what is between.

    RemoteNetwork ──a picture in shared memory──▶ NetworkService ──▶ Network
    (a stream's process)      ◀──its outputs──     (compiled once for all streams)

Nothing of it has a name in the file system: sockets come in pairs, memory is anonymous, and both go
from process to process as descriptors. The kernel frees them with the last process, however it ends.
"""
