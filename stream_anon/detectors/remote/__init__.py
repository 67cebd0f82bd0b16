"""Networks that run in a process of their own, for many streams.

    RemoteNetwork ──a picture in shared memory──▶ NetworkService ──▶ Network
    (a stream's process)      ◀──its outputs──     (compiled once for all streams)

Nothing of it has a name in the file system: sockets come in pairs, memory is anonymous, and both
go from process to process as descriptors. The kernel frees them with the last process that has
them, however that ends.
"""
