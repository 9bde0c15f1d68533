"""What things are: specs, states, events, errors and units. Plain data, no input or output."""
