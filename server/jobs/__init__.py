"""Long work that admins ask for: audits, calibrations, a new index, embedding; in a process of its own."""
