import JobModel
import ArgumentParser
import DurableFiles
import Supervision

extension Root {
    /// The run directory of a job given by number or name (the newest of that name); ends the command with 3 if there
    /// is none.
    func existingRun(_ job: String) throws -> RunDirectory {
        let runs = ((try? directoryNames(runs)) ?? []).compactMap(RunName.init)
        let matching = runs.filter { "\($0.id)" == job || $0.name == job }
        guard let newest = matching.max(by: { $0.id < $1.id }) else {
            Terminal.complain("no job \(job) under \(self.runs)")
            throw ExitCode.noSuchJob
        }
        return run(newest.id, newest.name)
    }
}
