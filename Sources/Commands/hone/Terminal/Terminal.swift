import Glibc

/// Where output goes, and what it can show.
enum Terminal {
    /// Whether people read standard output on a terminal, and like colours.
    static let isColored = isatty(1) == 1 && getenv("NO_COLOR") == nil
    /// Whether standard error is a terminal that can show a line that changes.
    static let isLive = isatty(2) == 1

    /// Whether standard output is a terminal whose picture can be replaced.
    static let isScreen = isatty(1) == 1

    /// Columns of the terminal; 100 where there is none.
    static var width: Int { Int(size(of: 2)?.ws_col ?? 100) }

    /// Lines of the terminal; 24 where there is none.
    static var height: Int { Int(size(of: 1)?.ws_row ?? 24) }

    private static func size(of descriptor: Int32) -> winsize? {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0 ? size : nil
    }

    /// Writes a line to standard output.
    static func say(_ line: String) { write(line + "\n", to: 1) }

    /// Writes a line for people to standard error.
    static func complain(_ line: String) { write(line + "\n", to: 2) }

    /// Writes to a descriptor, all of it.
    static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// Colours, where they help.
enum Style: String {
    case bold = "1"
    case faint = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"
}

extension String {
    /// The text in a style, on a terminal that shows it.
    func styled(_ style: Style) -> String {
        Terminal.isColored ? "\u{1B}[\(style.rawValue)m\(self)\u{1B}[0m" : self
    }
}
