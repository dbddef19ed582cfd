import Datasets
import Foundation
import TestFolders
import Testing

@Suite("Reference score cache")
struct ReferenceScoreTests {
    private let key = ReferenceScoreKey(
        model: "m", tokenizer: "t", dataset: "d", encoding: "e", arithmetic: "float32")
    private let scores = (0..<5).map { pair in
        PairReferenceScores(
            chosen: (0...pair).map { -Float($0) - 0.1 }, rejected: (0..<2 * pair + 1).map { -Float($0) * 0.3 })
    }

    private func create(in folder: TestFolder, key: ReferenceScoreKey? = nil) throws -> ReferenceScoreCache {
        try ReferenceScoreCache.create(in: folder.path, key: key ?? self.key, pairs: scores.count) { first in
            Array(scores[first..<min(first + 2, scores.count)])
        }
    }

    private func check(_ cache: ReferenceScoreCache) throws {
        #expect(cache.count == scores.count)
        for pair in [3, 0, 4, 1, 2] {
            let expected = scores[pair]
            let found = try cache.scores(
                pair, chosenCount: expected.chosen.count, rejectedCount: expected.rejected.count)
            #expect(found == expected)
        }
    }

    @Test func writtenAndFoundAgain() throws {
        let folder = try TestFolder()
        guard case .missing = ReferenceScoreCache.open(in: folder.path, key: key) else {
            Issue.record("an empty folder holds no scores")
            return
        }
        try check(try create(in: folder))
        guard case .found(let cache) = ReferenceScoreCache.open(in: folder.path, key: key) else {
            Issue.record("the scores were just written")
            return
        }
        try check(cache)
    }

    @Test func everyPartOfTheKeyCounts() throws {
        let folder = try TestFolder()
        _ = try create(in: folder)
        let parts = ["m", "t", "d", "e", "float32"]
        for index in parts.indices {
            var changed = parts
            changed[index] += "x"
            let other = ReferenceScoreKey(
                model: changed[0], tokenizer: changed[1], dataset: changed[2], encoding: changed[3],
                arithmetic: changed[4])
            guard case .missing = ReferenceScoreCache.open(in: folder.path, key: other) else {
                Issue.record("part \(index) was ignored")
                return
            }
        }
    }

    @Test(arguments: ["scores.f32", "lengths.i32", "manifest.json"], ["flip", "cut", "remove"])
    func damageIsNoticedAndRepaired(name: String, damage: String) throws {
        let folder = try TestFolder()
        _ = try create(in: folder)
        let inside = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
        let file = URL(fileURLWithPath: folder.path + "/" + inside + "/" + name)
        var bytes = try Data(contentsOf: file)
        switch damage {
        case "flip": bytes[bytes.count / 2] ^= 4
        case "cut": bytes.removeLast()
        default: break
        }
        try FileManager.default.removeItem(at: file)
        if damage != "remove" { try bytes.write(to: file) }
        guard case .unusable(let reason) = ReferenceScoreCache.open(in: folder.path, key: key) else {
            Issue.record("\(damage) of \(name) went unnoticed")
            return
        }
        #expect(reason.contains(folder.path), "\(reason)")
        try check(try create(in: folder))
    }

    @Test func otherLengthsAreRefused() throws {
        let folder = try TestFolder()
        let cache = try create(in: folder)
        #expect(throws: ReferenceScoreError.self) { try cache.scores(2, chosenCount: 3, rejectedCount: 4) }
    }

    @Test func interruptedWorkLeavesNothing() throws {
        struct Stop: Error {}
        let folder = try TestFolder()
        #expect(throws: Stop.self) {
            try ReferenceScoreCache.create(in: folder.path, key: key, pairs: 5) { first in
                if first > 2 { throw Stop() }
                return [scores[first]]
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func keyOfADataset() throws {
        let folder = try TestFolder()
        let dataset = try Dataset(
            try folder.write("d.jsonl", #"{"prompt": "p", "chosen": "c", "rejected": "r"}"#))
        func key(_ length: Int) throws -> ReferenceScoreKey {
            let encoder = PairEncoder(codec: byteCodec(), settings: EncodingSettings(maximumLength: length))
            return ReferenceScoreKey(model: "m", arithmetic: "f", examples: try PairExamples(dataset, encoder))
        }
        #expect(try key(10) != key(11))
        #expect(try key(10).dataset == dataset.digest)
    }
}
