/// What lies at a path: what it is, how large, and what is wrong with it.
package struct Inspection: Sendable, Encodable {
    /// What a path can be.
    package enum Kind: String, Sendable, Encodable, CaseIterable {
        case checkpoint, weights, adapter, tokenizer, dataset, compressor
    }

    /// As it was given; several files of rows with commas between them.
    package let path: String
    package let kind: Kind
    /// One sentence.
    package internal(set) var summary = ""
    /// What is known, by subject.
    package internal(set) var sections: [Section] = []
    /// Tensors that differ only in their layer, as one row.
    package internal(set) var parameters: [ParameterRow] = []
    /// What a job would need; nil unless a specification was given.
    package internal(set) var estimate: RunEstimate?
    /// What is wrong, the worst first.
    package private(set) var problems: [Problem] = []

    init(_ path: String, _ kind: Kind) {
        self.path = path
        self.kind = kind
    }

    /// Whether hone can work with it.
    package var isUsable: Bool { !problems.contains { $0.severity == .error } }

    mutating func report(_ severity: Problem.Severity, _ message: String) {
        problems.append(Problem(severity: severity, message: message))
        problems = Problem.Severity.allCases.flatMap { severity in problems.filter { $0.severity == severity } }
    }

    /// Runs one part of the examination; what it throws is a problem, and the other parts go on.
    mutating func attempt<Result>(_ body: () throws -> Result) -> Result? {
        do {
            return try body()
        } catch {
            report(.error, "\(error)")
            return nil
        }
    }

    /// Adds facts on a subject; those without a value are left out.
    mutating func add(_ title: String, _ facts: [(name: String, value: Fact?)]) {
        sections.append(Section(title: title, facts: facts.compactMap { fact in fact.value.map { (fact.name, $0) } }))
    }

    /// One thing that is wrong.
    package struct Problem: Sendable, Encodable, Equatable {
        /// How wrong.
        package enum Severity: String, Sendable, Encodable, CaseIterable {
            /// hone cannot work with it.
            case error
            /// Something will not be as one would expect.
            case warning
            /// Good to know.
            case note
        }

        package let severity: Severity
        package let message: String
    }

    /// Facts on one subject, in order.
    package struct Section: Sendable, Encodable {
        package let title: String
        package let facts: [(name: String, value: Fact)]

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Name.self)
            try container.encode(title, forKey: Name("title"))
            var values = container.nestedContainer(keyedBy: Name.self, forKey: Name("facts"))
            for fact in facts { try values.encode(fact.value, forKey: Name(fact.name)) }
        }

        private struct Name: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(_ name: String) { stringValue = name }
            init?(stringValue: String) { self.init(stringValue) }
            init?(intValue: Int) { nil }
        }
    }

    /// A value that people and programs read.
    package enum Fact: Sendable, Encodable, Equatable {
        case text(String)
        case number(Int)
        case real(Double)
        case flag(Bool)
        /// A size in bytes.
        case bytes(Int)
        case list([String])

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .text(let text): try container.encode(text)
            case .number(let number), .bytes(let number): try container.encode(number)
            case .real(let number): try container.encode(number)
            case .flag(let flag): try container.encode(flag)
            case .list(let texts): try container.encode(texts)
            }
        }
    }
}
