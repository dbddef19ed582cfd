package import JobModel
import Subprocess
import SystemPackage

/// Asks the worker program what a job will need: the code that will use the memory is the code that measures it.
package struct WorkerPlanner: ResourcePlanner {
    private let executable: String
    private let time: Duration

    /// A planner that runs `executable plan` and gives it this long.
    package init(executable: String, time: Duration = .seconds(120)) {
        self.executable = executable
        self.time = time
    }

    package func plan(_ spec: JobSpec, inputs: [InputRole: String]) async throws(PlanFailure) -> ResourcePlan {
        let run: ExecutionResult<Void, BytesOutput, StringOutput<UTF8>>
        do {
            run = try await ask(spec.locatingInputs(inputs).canonicalJSON())
        } catch {
            throw .unavailable("\(executable) plan: \(error)")
        }
        guard case .exited(0) = run.terminationStatus else {
            throw .refused(Self.reason(run.standardError, run.terminationStatus))
        }
        do {
            return try JSONCoding.decode(ResourcePlan.self, from: run.standardOutput)
        } catch {
            throw .unavailable("\(executable) plan: its answer cannot be read: \(error)")
        }
    }

    private func ask(_ spec: [UInt8]) async throws -> ExecutionResult<Void, BytesOutput, StringOutput<UTF8>> {
        let environment = WorkerEnvironment.variables(
            run: RunDirectory("/"), processorFlags: WorkerEnvironment.processorFlags())
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(5))]
        let (executable, platformOptions) = (executable, options)
        return try await withThrowingTaskGroup(
            of: ExecutionResult<Void, BytesOutput, StringOutput<UTF8>>.self
        ) { group in
            group.addTask {
                try await Subprocess.run(
                    .path(FilePath(executable)), arguments: ["plan"],
                    environment: .custom(
                        environment.reduce(into: [:]) { $0[.init(stringLiteral: $1.name)] = $1.value }),
                    platformOptions: platformOptions, input: .array(spec), output: .bytes(limit: 64 << 10),
                    error: .string(limit: 256 << 10))
            }
            group.addTask {
                try await Task.sleep(for: time)
                throw PlanFailure.unavailable("no answer within \(time)")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }

    private static func reason(_ text: String, _ status: TerminationStatus) -> String {
        text.allSatisfy(\.isWhitespace) ? "the worker cannot plan it (\(status))" : text
    }
}

extension JobSpec {
    /// The same job with every input named by its absolute path.
    func locatingInputs(_ paths: [InputRole: String]) -> JobSpec {
        var spec = self
        for (role, path) in paths {
            let place = InputReference.path(path, sha256: nil)
            switch role {
            case .model: spec.model = place
            case .reference: spec.reference = .input(place)
            case .compressor: spec.compressor = place
            case .tokenizer:
                guard case .pretrain(var settings) = spec.objective else { continue }
                settings.tokenizer = .path(place)
                spec.objective = .pretrain(settings)
            case .adapterStart: spec.adapter?.start = place
            case .trainingData: spec.dataset.train = [place]
            case .evaluationData: spec.dataset.eval = [place]
            case .trainingPart(let part): spec.dataset.train?[part] = place
            case .evaluationPart(let part): spec.dataset.eval?[part] = place
            case .chatTemplate: spec.dataset.chatTemplate = place
            }
        }
        return spec
    }
}
