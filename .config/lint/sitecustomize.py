"""Let ansible-lint's `args` rule import module_utils/ under the name that Ansible gives it."""

import os

import ansible.module_utils

ansible.module_utils.__path__.append(os.path.join(os.getcwd(), "module_utils"))  # noqa: PTH109, PTH118
