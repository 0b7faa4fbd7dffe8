"""Unknown people: faces of people who are not enrolled, in groups of one person each."""
