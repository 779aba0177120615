"""When steps run by themselves."""
