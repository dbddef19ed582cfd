import Glibc
import Testing

@testable import Systemd

/// `journalctl -x` explains every event, and nothing that is none.
@Suite("Journal catalog")
struct CatalogTests {
    private struct Entry {
        var identifier: String
        var headers: [String: String] = [:]
        var text: [String] = []
    }

    @Test func everyEventHasOneEntryAndNothingElseHas() throws {
        let entries = try Self.entries()
        #expect(entries.map(\.identifier).sorted() == JournalEvent.allCases.map(\.messageID).sorted())
    }

    @Test func identifiersAreWhatJournaldTakes() {
        for event in JournalEvent.allCases {
            #expect(event.messageID.wholeMatch(of: /[0-9a-f]{32}/) != nil, "\(event.rawValue)")
        }
    }

    @Test func everyEntryExplainsAndSaysWhatToTypeNext() throws {
        for entry in try Self.entries() {
            #expect(entry.headers["Subject"] != nil, "\(entry.identifier)")
            #expect(entry.headers["Defined-By"] == "hone", "\(entry.identifier)")
            #expect(entry.headers["Documentation"]?.hasPrefix("man:hone") == true, "\(entry.identifier)")
            #expect(entry.text.contains { !$0.hasPrefix(" ") && $0.count > 40 }, "\(entry.identifier) explains nothing")
            #expect(entry.text.contains { $0.hasPrefix("    ") }, "\(entry.identifier) names no command")
        }
    }

    @Test func entriesUseOnlyFieldsThatAreLogged() throws {
        let logged = Set(LogField.allCases.map(\.journalName))
        for entry in try Self.entries() {
            for line in entry.text + [entry.headers["Subject", default: ""]] {
                for field in line.matches(of: /@([A-Z_]+)@/) {
                    #expect(logged.contains(String(field.output.1)), "\(entry.identifier): \(field.output.1)")
                }
            }
        }
    }

    /// The entries of the catalog that is installed.
    private static func entries() throws -> [Entry] {
        var entries: [Entry] = []
        for line in try catalog().split(separator: "\n", omittingEmptySubsequences: false) where !line.hasPrefix("#") {
            if line.hasPrefix("-- ") {
                entries.append(Entry(identifier: String(line.dropFirst(3))))
            } else if let last = entries.indices.last {
                if entries[last].text.isEmpty, let header = line.wholeMatch(of: /([A-Z][A-Za-z-]+): (.+)/) {
                    entries[last].headers[String(header.output.1)] = String(header.output.2)
                } else {
                    entries[last].text.append(String(line))
                }
            }
        }
        return entries
    }

    private static func catalog() throws -> String {
        // Sources may be reached through a link; the catalog lies beside the real ones.
        let here = try #require(realpath(#filePath, nil))
        defer { free(here) }
        let root = String(cString: here).split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let path = root.joined(separator: "/") + "/systemd/catalog/hone.catalog"
        let file = try #require(fopen(path, "r"), "\(path) cannot be opened")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = getc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
        return try #require(String(validating: bytes, as: UTF8.self))
    }
}
