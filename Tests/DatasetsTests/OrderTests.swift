import Datasets
import Foundation
import Testing

@Suite("Order of examples")
struct OrderTests {
    @Test(arguments: [1, 2, 7, 1000])
    func everyEpochIsAPermutation(count: Int) {
        var order = ExampleOrder(count: count, seed: 3)
        let epochs = (0..<3).map { _ in order.next(count) }
        for epoch in epochs { #expect(epoch.sorted() == Array(0..<count)) }
        if count > 100 { #expect(epochs[0] != epochs[1] && epochs[0] != Array(0..<count)) }
        #expect(order.cursor == DataCursor(epoch: 3, index: 0))
    }

    @Test func resumesExactly() throws {
        var straight = ExampleOrder(count: 13, seed: 9)
        let all = straight.next(40)
        for stop in 0...39 {
            var first = ExampleOrder(count: 13, seed: 9)
            let before = first.next(stop)
            let saved = try JSONEncoder().encode(first.cursor)
            let cursor = try JSONDecoder().decode(DataCursor.self, from: saved)
            var second = ExampleOrder(count: 13, seed: 9, cursor: cursor)
            #expect(before + second.next(40 - stop) == all)
        }
    }

    @Test func seedsDiffer() {
        var one = ExampleOrder(count: 100, seed: 1)
        var two = ExampleOrder(count: 100, seed: 2)
        #expect(one.next(100) != two.next(100))
    }

    @Test func unshuffledKeepsTheOrder() {
        var order = ExampleOrder(count: 3, seed: 1, isShuffled: false)
        #expect(order.next(7) == [0, 1, 2, 0, 1, 2, 0])
    }
}
