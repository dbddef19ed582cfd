/// How much the machine suffers from a want of memory, as the kernel measures it.
package struct MemoryPressure: Sendable, Hashable {
    /// Share of the last ten seconds in which nothing could run for want of memory, in percent.
    package let full: Double

    /// Above this nothing is started: what runs needs the memory.
    package static let limit = 10.0

    /// The pressure now; nil where the kernel does not tell.
    package static func read() -> MemoryPressure? { Machine.text("/proc/pressure/memory").flatMap(MemoryPressure.init) }

    /// Reads the format of `/proc/pressure/memory`.
    package init?(_ text: String) {
        let line = text.split(separator: "\n").first { $0.hasPrefix("full ") }
        let field = line?.split(separator: " ").first { $0.hasPrefix("avg10=") }
        guard let value = field.flatMap({ Double($0.dropFirst("avg10=".count)) }) else { return nil }
        full = value
    }

    /// Why nothing may start; nil if it may.
    package var complaint: String? {
        full > Self.limit ? "memory pressure is \(full) %, expected at most \(Self.limit) %" : nil
    }
}
