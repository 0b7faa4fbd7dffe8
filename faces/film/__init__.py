"""From a film to the faces in it: what is looked at, whom one follows from frame to frame, the best views of each."""
