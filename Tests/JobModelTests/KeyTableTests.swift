import JobModel
import Testing

/// Each key of every method, wrong in turn.
@Suite struct KeyTableTests {
    struct Case: Sendable, CustomStringConvertible {
        let method: JobModel.Method
        let key: KeyDescription
        var description: String { "\(method.rawValue) \(key.path)" }
    }

    static let cases = JobModel.Method.allCases.flatMap { method in
        method.specificationKeys.map { Case(method: method, key: $0) }
    }

    @Test(arguments: cases)
    func aWrongValueIsReportedAtItsPlace(_ wrong: Case) {
        // A list in a list is no value of any key. One line per level, so the place can be told.
        let parts = wrong.key.path.split(separator: ".")
        var lines = ["name: t", "method: \(wrong.method.rawValue)"].filter { !$0.hasPrefix("\(wrong.key.path):") }
        for (depth, part) in parts.enumerated() {
            let indent = String(repeating: " ", count: depth * 2)
            lines.append(indent + (depth == parts.count - 1 ? "\(part): [[[]]]" : "\(part):"))
        }
        let column = (parts.count - 1) * 2 + (parts.last?.count ?? 0) + 3
        let errors = refusal(of: lines.joined(separator: "\n"))
        let isThere = errors.contains { line in
            (column...(column + 1)).contains {
                line.hasPrefix("t.yaml:\(lines.count):\($0): error: \(wrong.key.path): ")
            }
        }
        #expect(isThere, "\(errors)")
    }

    @Test(arguments: JobModel.Method.allCases)
    func everyDefaultIsReadBack(_ method: JobModel.Method) {
        let keys = method.specificationKeys
        #expect(Set(keys.map(\.path)).count == keys.count)
        for key in keys {
            guard let value = key.defaultValue, key.path.split(separator: ".").count == 1 else { continue }
            let errors = refusal(of: "name: t\nmethod: \(method.rawValue)\n\(key.path): \(value)\n")
            #expect(!errors.contains { $0.contains("error: \(key.path): expected") }, "\(errors)")
        }
        #expect(keys.allSatisfy { !$0.meaning.isEmpty && !$0.type.isEmpty })
    }

    @Test func theRegistryDescribesEveryMethodOnce() {
        #expect(MethodDescription.all.map(\.method) == JobModel.Method.allCases)
        #expect(MethodDescription.all.filter(\.isImplemented).map(\.method) == JobModel.Method.allCases)
        let importance = MethodDescription.all.first { $0.method == .tiDPO }
        let lambda = importance?.objectiveKeys.first { $0.path == "objective.lambda" }
        #expect(lambda?.defaultValue == "0.7")
        #expect(importance?.objectiveKeys.count == 23)
    }
}
