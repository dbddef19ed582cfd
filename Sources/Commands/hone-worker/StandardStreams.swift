import Glibc

/// Writes text to standard output at once: a continuation appears token by token.
func say(_ text: String) { write(text, to: 1) }

/// Writes a line for people to standard error.
func complain(_ line: String) { write(line + "\n", to: 2) }

private func write(_ text: String, to descriptor: Int32) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}
