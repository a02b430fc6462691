"""The site's own say, as the hospital writes it: its key, its policy as a file, the policy in words."""
