"""Attendance and participation: entries, class photos, the assignment of faces to students."""
