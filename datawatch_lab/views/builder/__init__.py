"""The builder: dashboards made and changed by hand, in the browser and in a notebook."""
