"""Films the sample class: a script says who does what when, frames are drawn from it, and its truth is written."""
