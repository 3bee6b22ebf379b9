"""What is told to people, and when: the alert machine comes here."""
