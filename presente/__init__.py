"""What all rooms of Presente share: settings, errors, command lines, and the place that wires faces and gallery."""
