package import DurableFiles
import Glibc
package import JobModel

/// The checkpoints of one run: written whole or not at all, verified before use, kept by rule.
package struct CheckpointStore: Sendable {
    /// `checkpoints/` of the run directory.
    package let path: String
    package let run: RunIdentity

    /// Opens the directory, making it if needed, and removes what a killed attempt left unfinished.
    ///
    /// The caller holds the run's lock.
    package init(_ path: String, run: RunIdentity) throws {
        self.path = path
        self.run = run
        try makeDirectory(path)
        for name in try directoryNames(path) where name.hasPrefix(".tmp-") || name.hasPrefix(".del-") {
            try removeTree(path + "/" + name)
        }
    }

    /// Steps of the published checkpoints, newest first.
    package func steps() throws -> [Int] {
        try directoryNames(path).compactMap { Checkpoint.step(ofName: $0) }.sorted(by: >)
    }

    /// The newest checkpoint that passes verification; bad ones are set aside as `.corrupt-…` and reported.
    ///
    /// nil when there is none: the run begins at step 0.
    package func newestValid(
        interruption: () throws -> Void = {}, corrupt: (CheckpointError) -> Void
    ) throws -> Checkpoint? {
        for step in try steps() {
            do {
                return try Checkpoint(verifying: directory(step), for: run, interruption: interruption)
            } catch let error as CheckpointError {
                corrupt(error)
                try setAside(step)
            }
        }
        return nil
    }

    /// Writes a checkpoint: files, manifest, rename; then reads it back and verifies every byte. An earlier one of the
    /// same step is replaced in one act.
    ///
    /// On an error before the rename nothing is published and the temporary directory is gone.
    package func write(
        step: Int, metricsOffset: Int, numerics: Numerics, _ body: (inout DurableDirectory) throws -> Void
    ) throws -> Checkpoint {
        let name = Checkpoint.name(ofStep: step)
        try FailPoint.io("checkpoint.begin", path)
        var directory = try DurableDirectory(in: path, name: name, temporaryName: ".tmp-\(name).\(run.fence)")
        do {
            try body(&directory)
            try FailPoint.io("checkpoint.before_manifest", path)
            let manifest = CheckpointManifest(
                run: run, step: step, files: directory.files, metricsOffset: metricsOffset, numerics: numerics)
            let bytes = try JSONCoding.encode(manifest)
            try directory.add(CheckpointManifest.fileName) { try $0.write(bytes) }
            try FailPoint.io("checkpoint.before_rename", path)
            try directory.publish(replacing: true)
        } catch {
            try? directory.discard()
            throw error
        }
        FailPoint.reach("checkpoint.after_rename")
        return try Checkpoint(verifying: directory.finalPath, for: run, interruption: {})
    }

    /// Removes every checkpoint that no rule keeps. `newest` has just been verified and always stays.
    ///
    /// - Parameter best: step of the best evaluation so far.
    package func retain(newest: Checkpoint, best: Int?, _ settings: CheckpointSettings) throws {
        for (index, step) in try steps().enumerated() {
            let isKept =
                index < max(2, settings.keepLast) || step == newest.step || step == best
                || settings.keepEvery.map { step % $0 == 0 } ?? false
            if !isKept { try remove(step) }
        }
    }

    private func directory(_ step: Int) -> String { path + "/" + Checkpoint.name(ofStep: step) }

    private func remove(_ step: Int) throws {
        let victim = path + "/.del-" + Checkpoint.name(ofStep: step)
        try removeTree(victim)
        try durableRename(directory(step), to: victim)
        FailPoint.reach("checkpoint.after_delete_rename")
        try removeTree(victim)
    }

    private func setAside(_ step: Int) throws {
        let aside = path + "/.corrupt-" + Checkpoint.name(ofStep: step)
        try removeTree(aside)
        try durableRename(directory(step), to: aside)
    }
}
