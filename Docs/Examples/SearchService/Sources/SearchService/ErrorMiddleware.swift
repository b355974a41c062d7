import Hummingbird
import Semblance

/// Answers errors with `{"error": {"message": …}}` and the status that tells whose they are.
struct ErrorMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch { throw answer(to: error, context) }
    }

    private func answer(to error: any Error, _ context: Context) -> any Error {
        switch error {
        case let error as HTTPError where error.body == nil:
            return HTTPError(error.status, message: error.status.reasonPhrase)
        case is any HTTPResponseError:
            return error
        case let error as DecodingError:
            return HTTPError(.badRequest, message: "the JSON can't be read: \(error.reason)")
        case let error as RetrievalError where callersCodes.contains(error.code):
            return HTTPError(.badRequest, message: error.message)
        case let error as SearchIndexError where [.repeatedIdentifier, .unusableDocument].contains(error.code):
            return HTTPError(.badRequest, message: error.message)
        case let error as RetrievalError where error.code == .readOnly:
            return HTTPError(.forbidden, message: error.message)
        default:
            // Paths and the like are for the log.
            context.logger.error("\(error)")
            return HTTPError(.internalServerError, message: "the index could not do that; the log says why")
        }
    }
}

/// Errors of those who ask.
private let callersCodes: Set<RetrievalError.Code> = [.invalidArgument, .invalidFilter, .invalidMetadata]

extension DecodingError {
    /// What is wrong, and where.
    fileprivate var reason: String {
        switch self {
        case .keyNotFound(let key, let context): Self.reason(context, "\"\(key.stringValue)\" is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            Self.reason(context, context.debugDescription)
        @unknown default: "\(self)"
        }
    }

    private static func reason(_ context: Context, _ what: String) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
        return path.isEmpty ? what : "\(path.joined(separator: ".")): \(what)"
    }
}
