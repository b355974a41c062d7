// One import shows the whole API.

@_exported public import SemblanceEncoders
@_exported public import SemblanceEvaluation
@_exported public import SemblanceNumerics
@_exported public import SemblanceRetrieval
@_exported public import SemblanceText
@_exported public import SemblanceTraining
