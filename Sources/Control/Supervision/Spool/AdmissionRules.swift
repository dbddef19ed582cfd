package import JobModel

/// What a specification has to satisfy on this machine, beyond being well written.
package struct AdmissionRules: Sendable {
    private let configuration: Configuration
    private let machine: Machine
    private let roots: InputRoots

    /// The rules under a configuration.
    package init(_ configuration: Configuration, root: Root, machine: Machine) {
        self.configuration = configuration
        self.machine = machine
        roots = configuration.inputRoots(root)
    }

    /// Where the inputs of a job lie, as far as they are known before other jobs have run.
    package struct Inputs: Sendable, Hashable {
        /// Absolute paths of inputs under the roots, by role.
        package var paths: [InputRole: String] = [:]
        /// Identities of their files.
        package var pins: [InputPin] = []
        /// Whether some input comes from a job.
        package var waitsForJobs = false
    }

    /// Checks a specification dropped by user `owner`; everything that is wrong is reported at once.
    package func inputs(of spec: JobSpec, from owner: UInt32, named name: DropName) throws(Rejection) -> Inputs {
        var wrong: [Rejection] = []
        func refuse(_ key: String, _ message: String) { wrong.append(Rejection(name, key: key, message)) }

        if !maySubmit(owner) {
            refuse("", "user \(owner) may not submit; allow_users and allow_groups in hone.yaml name those who may")
        }
        if !configuration.hasQueue(spec.queue) {
            let known = (["default"] + configuration.queues.keys.sorted().filter { $0 != "default" })
            refuse("queue", "no queue named \(spec.queue); there are \(known.joined(separator: ", "))")
        }
        if spec.resources.cpus > machine.cores.count {
            refuse(
                "resources.cpus", "\(spec.resources.cpus) cores asked for, this machine lends \(machine.cores.count)")
        }
        if case .bytes(let bytes) = spec.resources.memory, bytes > machine.memory {
            refuse("resources.memory", Self.tooMuch(bytes, of: machine.memory))
        }
        if spec.resources.timeLimit > configuration.timeLimit {
            refuse("resources.time_limit", "\(spec.resources.timeLimit), expected at most \(configuration.timeLimit)")
        }
        var inputs = Inputs()
        for (role, reference) in spec.inputs {
            do throws(Rejection) {
                try add(role, reference, to: &inputs, name)
            } catch {
                wrong.append(error)
            }
        }
        guard wrong.isEmpty else { throw Rejection(wrong) }
        return inputs
    }

    /// Checks a plan against the machine.
    package func check(_ plan: ResourcePlan, _ spec: JobSpec, named name: DropName) throws(Rejection) {
        let memory = plan.reservedMemory(spec.resources.memory)
        guard memory <= machine.memory else {
            throw Rejection(name, key: "resources.memory", Self.tooMuch(memory, of: machine.memory))
        }
    }

    private func add(
        _ role: InputRole, _ reference: InputReference, to inputs: inout Inputs, _ name: DropName
    ) throws(Rejection) {
        switch reference {
        case .artifact: inputs.waitsForJobs = true
        case .path(let path, let digest):
            do throws(InputRoots.Refusal) {
                let located = try roots.locate(path, for: role)
                if digest != nil, located.pins.count != 1 || located.pins.first?.path != located.path {
                    throw InputRoots.Refusal(
                        key: role.rawValue, message: "sha256 is for a file, and \(path) is a directory")
                }
                inputs.paths[role] = located.path
                inputs.pins += located.pins
            } catch {
                throw Rejection(name, key: error.key, error.message)
            }
        }
    }

    private func maySubmit(_ owner: UInt32) -> Bool {
        if configuration.allowUsers.isEmpty && configuration.allowGroups.isEmpty { return true }
        let user = Requester.lookUp(uid: owner)
        return configuration.allows(uid: owner, name: user.name, groups: user.groups)
    }

    private static func tooMuch(_ bytes: Int64, of memory: Int64) -> String {
        "\(ByteSize(bytes)) needed, this machine lends \(ByteSize(memory))"
    }
}
