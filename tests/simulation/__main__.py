"""The simulation by command.

python -m tests.simulation --seeds 1000 --from 0 --processes 2    many seeds; stops at the first that fails, unless --go-on
python -m tests.simulation --seed 17 --trace --times 20           one seed, again and again: the digest must stay the same
python -m tests.simulation --seeds 40 --sabotage position-check   with a guard of the product taken away: must turn red
"""

import sys

from tests.simulation.command import main

if __name__ == "__main__":
    sys.exit(main())
