import ArgumentParser
import DurableFiles
import Foundation
import Glibc
import JobModel
import Supervision

struct Submit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand job files to the daemon.",
        discussion: """
            Checks each file, then puts it into the drop directory by rename, so that the daemon never sees half of it. \
            The daemon may still refuse it (an input is missing, say): `hone ls` shows what became of it.

              hone submit job.yaml
              hone submit --root ~/hone pretrain.yaml align.yaml
            """)

    @Argument(help: ArgumentHelp("Job files.", valueName: "file"))
    var files: [String]

    @Flag(help: "Only check, submit nothing.")
    var dryRun = false

    @OptionGroup var root: RootOption

    func run() throws {
        let found = try files.map { try SpecificationFile.read($0) }
        for file in found where !file.spec.method.isImplemented {
            Terminal.complain("\(file.path): error: this build cannot run method \(file.spec.method.rawValue)")
            throw ExitCode.refused
        }
        let spool = root.place.spool
        guard fileKind(spool) == .directory else {
            Terminal.complain(
                "\(spool): no such directory; has honed run with this root? Start it with: honed --root DIR")
            throw ExitCode.noDaemon
        }
        for file in found {
            if dryRun {
                Terminal.say("\(file.path): would be submitted to \(spool)")
            } else {
                try drop(file, into: spool)
            }
        }
    }

    private func drop(_ file: SpecificationFile, into spool: String) throws {
        let name = lastComponent(file.path)
        let stamp = "\(UInt64(Date().timeIntervalSince1970 * 1000))-\(ProcessInfo.processInfo.processIdentifier)"
        let hidden = "\(spool)/.\(stamp)-\(name)"
        let dropped = freeName(name, stamp, in: spool)
        do {
            try durableCreate(file.bytes, at: hidden)
            // The daemon is another user and reads it through the group, whatever the umask of this one.
            chmod(hidden, 0o640)
            try durableRename(hidden, to: dropped)
        } catch let error as FileError {
            Terminal.complain("\(error)")
            throw ExitCode.refused
        }
        Terminal.say("submitted \(file.spec.name): \(dropped)")
    }

    /// Two files of one name may be on their way at once.
    private func freeName(_ name: String, _ stamp: String, in spool: String) -> String {
        fileKind("\(spool)/\(name)") == .missing ? "\(spool)/\(name)" : "\(spool)/\(stamp)-\(name)"
    }
}
