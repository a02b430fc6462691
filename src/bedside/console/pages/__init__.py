"""What people see: pages that join several apps, the layout, and every error as a page."""
