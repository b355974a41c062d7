internal import CSemblanceText

extension Metadata {
    /// Reads the same JSON as the decoder does, an object, several times as fast: what opening an index waits for.
    ///
    /// - Throws: ``RetrievalError`` with code `.invalidMetadata`, also for what ``validate()`` refuses.
    package init(json: UnsafeBufferPointer<UInt8>) throws(RetrievalError) {
        var tree = unsafe semblance_json()
        defer { unsafe semblance_json_free(&tree) }
        let wrong = unsafe semblance_json_parse(json.baseAddress, json.count, &tree)
        guard wrong < 0 else {
            throw RetrievalError(code: .invalidMetadata, message: "the metadata is no JSON from byte \(wrong) on")
        }
        let reader = unsafe Reader(source: json, nodes: UnsafeBufferPointer(start: tree.nodes, count: tree.count))
        fields = try reader.fields()
        try validate()
    }

    /// A walk over the values of a parsed text, within one call of `init`.
    @safe
    private struct Reader {
        let source: UnsafeBufferPointer<UInt8>
        let nodes: UnsafeBufferPointer<semblance_json_node>

        func fields() throws(RetrievalError) -> [String: MetadataValue] {
            guard unsafe !nodes.isEmpty, unsafe nodes[0].kind == SEMBLANCE_JSON_OBJECT.rawValue else {
                throw RetrievalError(code: .invalidMetadata, message: "the metadata is no object")
            }
            var fields: [String: MetadataValue] = [:]
            var next = 1
            while unsafe next < Int(nodes[0].next) {
                let value = next + 1
                if unsafe nodes[value].kind != SEMBLANCE_JSON_NULL.rawValue {
                    let name = string(next)
                    guard let read = single(value) ?? list(value) else {
                        throw RetrievalError(
                            code: .invalidMetadata,
                            message: "the field '\(name.prefix(60))' of the metadata is "
                                + "\(text(value).prefix(40)); \(MetadataValue.expected)"
                        )
                    }
                    fields[name] = read
                }
                next = unsafe Int(nodes[value].next)
            }
            return fields
        }

        private func single(_ place: Int) -> MetadataValue? {
            switch unsafe nodes[place].kind {
            case SEMBLANCE_JSON_STRING.rawValue: .string(string(place)).normalized
            case SEMBLANCE_JSON_NUMBER.rawValue:
                Double(text(place)).flatMap { $0.isFinite ? .number($0) : nil }
            case SEMBLANCE_JSON_TRUE.rawValue: true
            case SEMBLANCE_JSON_FALSE.rawValue: false
            default: nil
            }
        }

        private func list(_ place: Int) -> MetadataValue? {
            guard unsafe nodes[place].kind == SEMBLANCE_JSON_ARRAY.rawValue else { return nil }
            var values: [MetadataValue] = []
            var next = place + 1
            while unsafe next < Int(nodes[place].next) {
                guard let value = single(next) else { return nil }
                values.append(value)
                next = unsafe Int(nodes[next].next)
            }
            return .list(values)
        }

        private func text(_ place: Int) -> String {
            let bytes = unsafe source[Int(nodes[place].begin)..<Int(nodes[place].end)]
            return unsafe String(decoding: UnsafeBufferPointer(rebasing: bytes), as: UTF8.self)
        }

        private func string(_ place: Int) -> String {
            var node = unsafe nodes[place]
            return unsafe String(unsafeUninitializedCapacity: Int(node.end - node.begin)) {
                unsafe semblance_json_string(source.baseAddress, &node, $0.baseAddress)
            }
        }
    }
}
