"""Sheets of students, as any program may have written them: a file to lines, lines to students, within bounds."""
