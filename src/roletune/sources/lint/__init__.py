"""What is doubtful about a profile, before anything is made from it."""
