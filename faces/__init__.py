"""From image bytes to templates: ``FaceEmbedder`` in :mod:`faces.embedder`, packs in :mod:`faces.packs.model_pack`.

Knows no database, no index, no HTTP. docs/library.md shows how to use it.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else ONNX Runtime tells Microsoft that it is used; read when it is imported
