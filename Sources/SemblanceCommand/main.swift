internal import Semblance
