"""Products, sites, devices, enrolment codes and presence."""
